"""Keystores: PEM, JKS and PKCS#12 files as entries."""

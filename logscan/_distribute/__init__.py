"""Who executes units of work: this process, other processes, a Dask cluster."""

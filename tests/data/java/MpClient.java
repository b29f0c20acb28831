import java.io.*;
import java.net.*;
import java.nio.*;
import java.nio.channels.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import java.security.cert.Certificate;
import java.time.*;
import java.time.format.DateTimeFormatter;
import java.util.*;
import javax.net.ssl.*;

/**
 * A TLS client on SSLEngine and NIO, as the Message Processor is one, that writes what fails in its layout.
 * Arguments are NAME=VALUE: host, port, log; sni, verify (host name to check), keystore, password, alias,
 * trust (PEM), protocols, ciphers, timeout (ms), requests, idle (ms before the first request), path, proxy, message,
 * pause (ms between requests).
 */
public class MpClient {
    static final DateTimeFormatter TIME =
        DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss,SSS").withZone(ZoneOffset.UTC);

    final Map<String, String> given = new HashMap<>();
    final long begun = System.currentTimeMillis();
    SocketChannel channel;
    SSLEngine engine;
    Selector selector;
    SelectionKey key;
    ByteBuffer in = ByteBuffer.allocate(1 << 17), out = ByteBuffer.allocate(1 << 17), text = ByteBuffer.allocate(1 << 17);
    boolean established, outOfTime;
    KeyStore keyStore, trustStore;
    long read, written;

    static class OutOfTime extends IOException { }

    public static void main(String[] args) throws Exception {
        MpClient client = new MpClient();
        for (String arg : args) {
            int at = arg.indexOf('=');
            client.given.put(arg.substring(0, at), arg.substring(at + 1));
        }
        client.run();
    }

    String get(String name, String otherwise) { return given.getOrDefault(name, otherwise); }

    void run() throws Exception {
        engine = engine();
        channel = SocketChannel.open(new InetSocketAddress(get("host", "127.0.0.1"), Integer.parseInt(get("port", "443"))));
        channel.configureBlocking(false);
        selector = Selector.open();
        key = channel.register(selector, SelectionKey.OP_READ);
        try {
            engine.beginHandshake();
            handshake();
            established = true;
            System.out.println("HANDSHAKE " + engine.getSession().getProtocol() + " " + engine.getSession().getCipherSuite());
            Thread.sleep(Long.parseLong(get("idle", "0")));
            for (int n = Integer.parseInt(get("requests", "1")); n > 0; n--) {
                request(n == 1);
                if (n > 1) Thread.sleep(Long.parseLong(get("pause", "0")));
            }
            engine.closeOutbound();
            flush();
        } catch (OutOfTime late) {
            System.out.println("TIMEOUT " + established);
            timedOut();
        } catch (IOException | RuntimeException error) {
            System.out.println("FAILED " + established + " " + error);
            failed(error);
            try {
                flush();  // the alert, if there is one
            } catch (IOException | RuntimeException again) {
                System.out.println("and then " + again);
            }
        }
        channel.close();
    }

    SSLEngine engine() throws Exception {
        char[] password = get("password", "changeit").toCharArray();
        KeyManager[] managers = null;
        if (given.containsKey("keystore")) {
            keyStore = KeyStore.getInstance(new File(get("keystore", "")), password);
            KeyStore used = keyStore;
            if (given.containsKey("alias")) {
                used = KeyStore.getInstance("PKCS12");
                used.load(null, null);
                String alias = get("alias", "");
                if (keyStore.isKeyEntry(alias)) {
                    used.setKeyEntry(alias, keyStore.getKey(alias, password), password, keyStore.getCertificateChain(alias));
                }
            }
            KeyManagerFactory factory = KeyManagerFactory.getInstance("SunX509");
            factory.init(used, password);
            managers = factory.getKeyManagers();
        }
        trustStore = KeyStore.getInstance("PKCS12");
        trustStore.load(null, null);
        int number = 0;
        try (InputStream file = Files.newInputStream(Path.of(get("trust", "")))) {
            for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
                trustStore.setCertificateEntry("ca" + number++, one);
            }
        }
        TrustManagerFactory trusting = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trusting.init(trustStore);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers, trusting.getTrustManagers(), null);
        String verify = given.get("verify"), sni = given.get("sni");
        SSLEngine made = context.createSSLEngine(verify == null ? get("host", "") : verify, Integer.parseInt(get("port", "443")));
        made.setUseClientMode(true);
        made.setEnabledProtocols(get("protocols", "TLSv1.2").split(","));
        if (given.containsKey("ciphers")) made.setEnabledCipherSuites(get("ciphers", "").split(","));
        SSLParameters parameters = made.getSSLParameters();
        parameters.setServerNames(sni == null ? List.of() : List.of(new SNIHostName(sni)));
        if (verify != null) parameters.setEndpointIdentificationAlgorithm("HTTPS");
        made.setSSLParameters(parameters);
        return made;
    }

    /** Until the engine wants nothing more. */
    void handshake() throws IOException {
        while (true) {
            switch (engine.getHandshakeStatus()) {
                case NEED_WRAP -> wrap(ByteBuffer.allocate(0));
                case NEED_TASK -> {
                    for (Runnable task; (task = engine.getDelegatedTask()) != null; ) task.run();
                }
                case NEED_UNWRAP, NEED_UNWRAP_AGAIN -> unwrap();
                default -> {
                    return;
                }
            }
        }
    }

    void wrap(ByteBuffer source) throws IOException {
        out.clear();
        SSLEngineResult result = engine.wrap(source, out);
        out.flip();
        write();
        if (result.getStatus() == SSLEngineResult.Status.CLOSED && engine.isInboundDone()) throw new EOFException("closed");
    }

    /** One step; reads where the engine lacks bytes. */
    void unwrap() throws IOException {
        in.flip();
        SSLEngineResult result;
        try {
            result = engine.unwrap(in, text);
        } finally {
            in.compact();
        }
        if (result.getStatus() == SSLEngineResult.Status.BUFFER_UNDERFLOW) {
            if (!fill()) {
                if (established && engine.getHandshakeStatus() == SSLEngineResult.HandshakeStatus.NOT_HANDSHAKING) {
                    throw new EOFException("eof unexpected");
                }
                engine.closeInbound();  // throws
                throw new EOFException("eof unexpected");
            }
        } else if (result.getStatus() == SSLEngineResult.Status.CLOSED) {
            throw new EOFException("eof unexpected");
        }
    }

    boolean fill() throws IOException {
        await(SelectionKey.OP_READ);
        int count = channel.read(in);
        if (count > 0) read += count;
        return count >= 0;
    }

    void await(int what) throws IOException {
        key.interestOps(what);
        if (selector.select(Long.parseLong(get("timeout", "5000"))) == 0) throw new OutOfTime();
        selector.selectedKeys().clear();
    }

    void write() throws IOException {
        while (out.hasRemaining()) {
            written += channel.write(out);
            if (out.hasRemaining()) await(SelectionKey.OP_WRITE);
        }
    }

    /** What the engine still has to say. */
    void flush() throws IOException {
        for (int n = 0; n < 4 && engine.getHandshakeStatus() == SSLEngineResult.HandshakeStatus.NEED_WRAP; n++) {
            out.clear();
            engine.wrap(ByteBuffer.allocate(0), out);
            out.flip();
            write();
        }
    }

    void request(boolean last) throws IOException {
        String body = "GET " + get("path", "/") + " HTTP/1.1\r\nHost: " + get("sni", "backend.example")
            + "\r\nConnection: " + (last ? "close" : "keep-alive") + "\r\n\r\n";
        ByteBuffer source = ByteBuffer.wrap(body.getBytes());
        while (source.hasRemaining()) wrap(source);
        StringBuilder answer = new StringBuilder();
        while (!complete(answer)) {
            unwrap();
            handshake();  // tickets, key updates, and a renegotiation that the server asks for
            text.flip();
            answer.append(StandardCharsets.ISO_8859_1.decode(text));
            text.clear();
        }
        System.out.println("RESPONSE " + answer.toString().split("\r?\n")[0]);
    }

    static boolean complete(CharSequence answer) {
        String all = answer.toString();
        int head = all.indexOf("\r\n\r\n");
        if (head < 0) return false;
        for (String line : all.substring(0, head).split("\r\n")) {
            if (line.toLowerCase().startsWith("content-length:")) {
                return all.length() >= head + 4 + Integer.parseInt(line.substring(15).trim());
            }
        }
        return true;
    }

    // What the Message Processor writes.

    String ends() throws IOException {
        return "C:" + address(channel.getRemoteAddress()) + " Remote host:" + address(channel.getLocalAddress());
    }

    static String address(SocketAddress it) {
        InetSocketAddress inet = (InetSocketAddress) it;
        return inet.getAddress().getHostAddress() + ":" + inet.getPort();
    }

    static String name(KeyStore store) {
        return store == null ? "null" : "java.security.KeyStore@" + Integer.toHexString(System.identityHashCode(store));
    }

    void entry(String level, String logger, String said, Throwable error) throws IOException {
        StringWriter whole = new StringWriter();
        whole.append(TIME.format(Instant.now())).append(" org:acme env:prod api:").append(get("proxy", "orders"))
            .append(" rev:12 messageid:").append(get("message", "rrt-1-1")).append(" NIOThread@1 ").append(level).append(' ')
            .append(logger).append(" - ").append(said).append('\n');
        if (error != null) error.printStackTrace(new PrintWriter(whole, true));
        Files.writeString(Path.of(get("log", "system.log")), whole.toString(), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    String state() {
        long age = System.currentTimeMillis() - begun;
        // The Message Processor counts bytes of the application only.
        return "useCount=1 bytesRead=0 bytesWritten=0 age=" + age + "ms  lastIO=" + age + "ms ";
    }

    void failed(Exception error) throws IOException {
        if (!established) {
            entry("ERROR", "HTTP.CLIENT", "HTTPClient$Context.handshakeFailed() : SSLClientChannel[" + ends() + "]@9 "
                + state() + " handshake failed, message: " + error.getMessage(), null);
            entry("ERROR", "HTTP.CLIENT", "HTTPClient$Context.handshakeFailed() : SSLInfo: KeyStore:" + name(keyStore) + " KeyAlias:"
                + get("alias", "null") + " TrustStore:" + name(trustStore), null);
            entry("ERROR", "ADAPTORS.HTTP.FLOW",
                "RequestWriteListener.onException() : RequestWriteListener.onException(HTTPRequest@6071a73d)", error);
        } else {
            entry("ERROR", "ADAPTORS.HTTP.FLOW", "AbstractResponseListener.onException() : AbstractResponseListener.onError(HTTPResponse@6f1de4c7, "
                + error.getMessage() + ")", error);
        }
    }

    void timedOut() throws IOException {
        if (!established) {
            entry("ERROR", "HTTP.CLIENT", "HTTPClient$Context.handshakeTimeout() : SSLClientChannel[" + ends() + "]@9 "
                + state() + "isOpen=true handshake timeout", null);
        } else {
            entry("ERROR", "ADAPTORS.HTTP.FLOW",
                "AbstractResponseListener.onTimeout() : AbstractResponseListener.onTimeout(HTTPResponse@6f1de4c7)", null);
        }
    }
}

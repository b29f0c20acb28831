import java.io.*;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import javax.net.ssl.*;
import java.util.*;

/** Handshakes of several SSLEngines in turn, in one thread: store, password, protocol, then host:port:sni for each. */
public class Engines {
    static class One {
        SSLEngine engine; SocketChannel channel; String name; boolean done;
        ByteBuffer in, app, out;
        void step() throws Exception {
            switch (engine.getHandshakeStatus()) {
                case NEED_WRAP:
                    out.clear();
                    engine.wrap(ByteBuffer.allocate(0), out);
                    out.flip();
                    while (out.hasRemaining()) channel.write(out);
                    break;
                case NEED_TASK:
                    Runnable task;
                    while ((task = engine.getDelegatedTask()) != null) task.run();
                    break;
                case NEED_UNWRAP:
                    in.flip();
                    SSLEngineResult result = engine.unwrap(in, app);
                    in.compact();
                    if (result.getStatus() == SSLEngineResult.Status.BUFFER_UNDERFLOW && channel.read(in) < 0) {
                        engine.closeInbound();
                    }
                    break;
                default:
                    out.clear();
                    engine.wrap(ByteBuffer.wrap("GET / HTTP/1.0\r\n\r\n".getBytes()), out);
                    out.flip();
                    while (out.hasRemaining()) channel.write(out);
                    boolean answered = false;
                    while (!answered) {
                        in.flip();
                        app.clear();
                        SSLEngineResult read = engine.unwrap(in, app);
                        in.compact();
                        answered = read.bytesProduced() > 0 || read.getStatus() == SSLEngineResult.Status.CLOSED;
                        if (read.getStatus() == SSLEngineResult.Status.BUFFER_UNDERFLOW && channel.read(in) < 0) {
                            engine.closeInbound();
                        }
                    }
                    done = true;
                    System.out.println("finished " + name);
                    channel.close();
            }
        }
    }

    public static void main(String[] args) throws Exception {
        Thread.currentThread().setName("Apigee-Main-3");
        char[] password = args[1].toCharArray();
        KeyStore store = KeyStore.getInstance(new File(args[0]), password);
        KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        factory.init(store, password);
        TrustManager trusting = new X509TrustManager() {
            public void checkClientTrusted(X509Certificate[] chain, String type) { }
            public void checkServerTrusted(X509Certificate[] chain, String type) { }
            public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
        };
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(factory.getKeyManagers(), new TrustManager[] {trusting}, null);
        List<One> all = new ArrayList<>();
        for (int i = 3; i < args.length; i++) {
            String[] parts = args[i].split(":");
            One one = new One();
            one.name = args[i];
            one.engine = context.createSSLEngine(parts[2], Integer.parseInt(parts[1]));
            one.engine.setUseClientMode(true);
            one.engine.setEnabledProtocols(new String[] {args[2]});
            one.in = ByteBuffer.allocate(65536);
            one.app = ByteBuffer.allocate(65536);
            one.out = ByteBuffer.allocate(65536);
            one.channel = SocketChannel.open(new InetSocketAddress(parts[0], Integer.parseInt(parts[1])));
            one.engine.beginHandshake();
            all.add(one);
        }
        while (all.stream().anyMatch(one -> !one.done)) {
            for (One one : all) {
                if (!one.done) {
                    try { one.step(); }
                    catch (IOException error) { one.done = true; System.out.println("failed " + one.name + " " + error); one.channel.close(); }
                }
            }
        }
    }
}

import java.io.*;
import java.net.Socket;
import java.security.KeyStore;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import javax.net.ssl.*;

/** One handshake as a client: host, port, store, password, alias or -, protocol. Prints what came of it. */
public class Client {
    public static void main(String[] args) throws Exception {
        char[] password = args[3].toCharArray();
        KeyStore store = KeyStore.getInstance(new File(args[2]), password);
        KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        factory.init(store, password);
        TrustManager trusting = new X509TrustManager() {
            public void checkClientTrusted(X509Certificate[] chain, String type) { }
            public void checkServerTrusted(X509Certificate[] chain, String type) { }
            public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
        };
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(factory.getKeyManagers(), new TrustManager[] {trusting}, null);
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(args[0], Integer.parseInt(args[1]))) {
            socket.setSoTimeout(10000);
            socket.setEnabledProtocols(new String[] {args[5]});
            socket.startHandshake();
            socket.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes());
            System.out.println("read " + socket.getInputStream().read());
        } catch (IOException error) {
            System.out.println("failed " + error.getMessage());
        }
    }
}

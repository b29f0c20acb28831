import java.io.*;
import java.security.*;
import java.util.*;
import javax.net.ssl.*;
import javax.security.auth.x500.X500Principal;

/** Asks Java's own key manager, a line of input at a time: store, password, key types, issuers as DER in hex. */
public class Choose {
    public static void main(String[] args) throws Exception {
        Map<String, X509ExtendedKeyManager> managers = new HashMap<>();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            String[] parts = line.split("\t", -1);
            X509ExtendedKeyManager manager = managers.get(parts[0]);
            if (manager == null) {
                KeyStore store = KeyStore.getInstance(new File(parts[0]), parts[1].toCharArray());
                KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
                factory.init(store, parts[1].toCharArray());
                manager = (X509ExtendedKeyManager) factory.getKeyManagers()[0];
                managers.put(parts[0], manager);
            }
            List<Principal> issuers = new ArrayList<>();
            for (String hex : parts[3].split(",")) {
                if (!hex.isEmpty()) issuers.add(new X500Principal(HexFormat.of().parseHex(hex)));
            }
            String alias = manager.chooseEngineClientAlias(
                parts[2].split(","), issuers.isEmpty() ? null : issuers.toArray(new Principal[0]), null);
            System.out.println(alias);
        }
    }
}

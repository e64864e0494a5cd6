import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * {@code javac -d OUT Verify.java Check.java && java -cp OUT Check VECTORS.tsv}: runs Verify over the
 * vectors; exit code 1 when a verdict differs.
 */
final class Check {
    private static final int FIRST_HEADER = 5;

    public static void main(String[] arguments) throws Exception {
        List<String> lines = Files.readAllLines(Path.of(arguments[0]), UTF_8);
        String[] columns = lines.get(0).split("\t");
        boolean differ = false;
        for (String line : lines.subList(1, lines.size())) {
            String[] fields = line.split("\t", -1);
            Map<String, String> headers = new HashMap<>();
            for (int i = FIRST_HEADER; i < columns.length; i++) {
                if (!fields[i].equals("-")) headers.put(columns[i], new String(decode(fields[i]), UTF_8));
            }
            boolean good = Verify.verify(fields[3], headers, decode(fields[4]), Long.parseLong(fields[2]));
            String got = good ? "accept" : "refuse";
            if (!got.equals(fields[1])) {
                System.err.println(fields[0] + ": should " + fields[1] + ", but " + got);
                differ = true;
            }
        }
        System.out.println((lines.size() - 1) + " vectors");
        System.exit(differ ? 1 : 0);
    }

    private static byte[] decode(String base64) {
        return Base64.getDecoder().decode(base64);
    }
}

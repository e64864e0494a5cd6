import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Checks requests of webhooks. For Java 17 and later. */
final class Verify {
    private static final long TOLERANCE_SECONDS = 300;

    private Verify() {}

    /**
     * Whether a webhook's request is genuine and fresh.
     *
     * @param secret the whole text, {@code whsec_} included
     * @param headers with names in lower case
     * @param body the raw bytes, before any JSON parser
     * @param now Unix seconds
     */
    static boolean verify(String secret, Map<String, String> headers, byte[] body, long now)
            throws GeneralSecurityException {
        String timestamp = headers.getOrDefault("nowistay-webhook-timestamp", "");
        String eventId = headers.getOrDefault("nowistay-webhook-event-id", "");
        if (!timestamp.matches("[0-9]{1,12}")) return false;
        if (Math.abs(now - Long.parseLong(timestamp)) > TOLERANCE_SECONDS) return false;
        // No id has a dot: with one, bytes of the body could pass for bytes of the id.
        if (eventId.isEmpty() || eventId.contains(".")) return false;

        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(secret.getBytes(UTF_8), "HmacSHA256"));
        mac.update((timestamp + "." + eventId + ".").getBytes(UTF_8));
        byte[] expected = ("v1=" + HexFormat.of().formatHex(mac.doFinal(body))).getBytes(UTF_8);
        // While a secret is rotated, the second header is signed with the new one.
        return equal(expected, headers.get("nowistay-webhook-signature"))
                || equal(expected, headers.get("nowistay-webhook-signature-next"));
    }

    private static boolean equal(byte[] expected, String given) {
        return given != null && MessageDigest.isEqual(expected, given.getBytes(UTF_8));
    }
}

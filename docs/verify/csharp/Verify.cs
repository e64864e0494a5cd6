using System;
using System.Collections.Generic;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

/// <summary>Checks requests of webhooks.</summary>
public static class Webhook
{
    private const long ToleranceSeconds = 300;

    /// <summary>Whether a webhook's request is genuine and fresh.</summary>
    /// <param name="secret">The whole text, whsec_ included.</param>
    /// <param name="headers">Names in lower case, or a dictionary that ignores case.</param>
    /// <param name="body">The raw bytes, before any JSON parser.</param>
    /// <param name="now">Unix seconds: DateTimeOffset.UtcNow.ToUnixTimeSeconds().</param>
    public static bool Verify(string secret, IDictionary<string, string> headers, byte[] body, long now)
    {
        string timestamp = Get(headers, "nowistay-webhook-timestamp");
        string eventId = Get(headers, "nowistay-webhook-event-id");
        if (!Regex.IsMatch(timestamp, @"\A[0-9]{1,12}\z")) return false;
        if (Math.Abs(now - long.Parse(timestamp, CultureInfo.InvariantCulture)) > ToleranceSeconds) return false;
        // No id has a dot: with one, bytes of the body could pass for bytes of the id.
        if (eventId.Length == 0 || eventId.IndexOf('.') >= 0) return false;

        byte[] start = Encoding.UTF8.GetBytes(timestamp + "." + eventId + ".");
        byte[] content = new byte[start.Length + body.Length];
        start.CopyTo(content, 0);
        body.CopyTo(content, start.Length);
        byte[] expected;
        using (var hmac = new HMACSHA256(Encoding.UTF8.GetBytes(secret)))
        {
            string hex = BitConverter.ToString(hmac.ComputeHash(content)).Replace("-", "").ToLowerInvariant();
            expected = Encoding.UTF8.GetBytes("v1=" + hex);
        }
        // While a secret is rotated, the second header is signed with the new one.
        return FixedTimeEquals(expected, Encoding.UTF8.GetBytes(Get(headers, "nowistay-webhook-signature")))
            || FixedTimeEquals(expected, Encoding.UTF8.GetBytes(Get(headers, "nowistay-webhook-signature-next")));
    }

    private static string Get(IDictionary<string, string> headers, string name)
    {
        string value;
        return headers.TryGetValue(name, out value) ? value : "";
    }

    // On .NET Core 2.1 and later, use CryptographicOperations.FixedTimeEquals.
    private static bool FixedTimeEquals(byte[] a, byte[] b)
    {
        if (a.Length != b.Length) return false;
        int difference = 0;
        for (int i = 0; i < a.Length; i++) difference |= a[i] ^ b[i];
        return difference == 0;
    }
}

package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

const toleranceSeconds = 300

var digits = regexp.MustCompile(`\A[0-9]{1,12}\z`)

// Verify tells whether a webhook's request is genuine and fresh. The secret is the whole text,
// "whsec_" included; body is what io.ReadAll(request.Body) gave; now is in Unix seconds.
func Verify(secret string, headers http.Header, body []byte, now int64) bool {
	timestamp := headers.Get("Nowistay-Webhook-Timestamp")
	eventID := headers.Get("Nowistay-Webhook-Event-Id")
	if !digits.MatchString(timestamp) {
		return false
	}
	sent, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || now-sent > toleranceSeconds || sent-now > toleranceSeconds {
		return false
	}
	// No id has a dot: with one, bytes of the body could pass for bytes of the id.
	if eventID == "" || strings.Contains(eventID, ".") {
		return false
	}

	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "." + eventID + "."))
	mac.Write(body)
	expected := []byte("v1=" + hex.EncodeToString(mac.Sum(nil)))
	// While a secret is rotated, the second header is signed with the new one.
	return hmac.Equal(expected, []byte(headers.Get("Nowistay-Webhook-Signature"))) ||
		hmac.Equal(expected, []byte(headers.Get("Nowistay-Webhook-Signature-Next")))
}

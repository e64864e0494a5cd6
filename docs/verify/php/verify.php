<?php

declare(strict_types=1);

const TOLERANCE_SECONDS = 300;

/**
 * Whether a webhook's request is genuine and fresh.
 *
 * @param string $secret the whole text, `whsec_` included
 * @param array<string, string> $headers names in lower case: array_change_key_case(getallheaders())
 * @param string $body the raw bytes: file_get_contents('php://input')
 * @param int $now Unix seconds: time()
 */
function verify(string $secret, array $headers, string $body, int $now): bool
{
    $timestamp = $headers['nowistay-webhook-timestamp'] ?? '';
    $eventId = $headers['nowistay-webhook-event-id'] ?? '';
    if (!preg_match('/\A[0-9]{1,12}\z/', $timestamp)) {
        return false;
    }
    if (abs($now - (int) $timestamp) > TOLERANCE_SECONDS) {
        return false;
    }
    // No id has a dot: with one, bytes of the body could pass for bytes of the id.
    if ($eventId === '' || str_contains($eventId, '.')) {
        return false;
    }

    $expected = 'v1=' . hash_hmac('sha256', "$timestamp.$eventId.$body", $secret);
    // While a secret is rotated, the second header is signed with the new one.
    return hash_equals($expected, $headers['nowistay-webhook-signature'] ?? '')
        || hash_equals($expected, $headers['nowistay-webhook-signature-next'] ?? '');
}

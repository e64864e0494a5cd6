# frozen_string_literal: true

require "openssl"

TOLERANCE_SECONDS = 300

# Whether a webhook's request is genuine and fresh.
# secret: the whole text, "whsec_" included. headers: a Hash with names in lower case.
# body: the raw bytes (request.raw_post in Rails, request.body.read in Rack). now: Time.now.to_i.
def verify(secret, headers, body, now)
  timestamp = headers.fetch("nowistay-webhook-timestamp", "").b
  event_id = headers.fetch("nowistay-webhook-event-id", "").b
  return false unless timestamp.match?(/\A[0-9]{1,12}\z/)
  return false if (now - Integer(timestamp, 10)).abs > TOLERANCE_SECONDS
  # No id has a dot: with one, bytes of the body could pass for bytes of the id.
  return false if event_id.empty? || event_id.include?(".")

  expected = "v1=" + OpenSSL::HMAC.hexdigest("SHA256", secret, "#{timestamp}.#{event_id}.".b + body.b)
  # While a secret is rotated, the second header is signed with the new one.
  %w[nowistay-webhook-signature nowistay-webhook-signature-next].any? do |name|
    given = headers.fetch(name, "")
    given.bytesize == expected.bytesize && OpenSSL.fixed_length_secure_compare(given, expected)
  end
end

# frozen_string_literal: true

# ruby check.rb VECTORS.json: runs verify.rb over the vectors; exit code 1 when a verdict differs.

require "json"
require_relative "verify"

vectors = JSON.parse(File.read(ARGV.fetch(0), encoding: "UTF-8")).fetch("vectors")
differ = false
vectors.each do |vector|
  body = vector["body"].unpack1("m0")
  got = verify(vector["secret"], vector["headers"], body, vector["now"]) ? "accept" : "refuse"
  next if got == vector["verdict"]

  warn "#{vector['name']}: should #{vector['verdict']}, but #{got}"
  differ = true
end
puts "#{vectors.size} vectors"
exit(differ ? 1 : 0)

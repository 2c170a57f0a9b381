#!lua flags=allow-oom
-- The most urgent items that fit a filter, leased; what was handed to this moderator comes first, of whatever level.
-- ARGV  [3] moderator  [4] lease seconds  [5] how many  [6] level  [7] site  [8] section  [9] category  [10] language ('' fits all)
-- Returns a list of {words, quote, version, filed_at, claimed_at, until}

settle()
local moderator, seconds, wanted = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local filter = {ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]}
local claims = {}
for _, id in ipairs(redis.call('ZRANGE', prefix .. ':for:' .. moderator, 0, -1)) do
  if #claims == wanted then break end
  if fits(redis.call('HGET', item_key(id), 'bucket'), filter, 2) then claims[#claims + 1] = lease(id, moderator, seconds, 'claimed') end
end
while #claims < wanted do
  local bucket = first_bucket(filter)
  if not bucket then break end
  local id = redis.call('ZRANGE', prefix .. ':bucket:' .. bucket, 0, 0)[1]
  claims[#claims + 1] = lease(id, moderator, seconds, 'claimed')
end
return claims

#!lua flags=allow-oom
-- What is claimed, soonest to run out first.
-- ARGV  [3] by whom, or '' for all
-- Returns a list of {words, quote, version, filed_at, claimed_at, until, moderator}

settle()
local found = {}
for _, id in ipairs(redis.call('ZRANGE', leases, 0, -1)) do
  local is = redis.call('HMGET', item_key(id), 'moderator', 'version', 'filed_at', 'claimed_at', 'until')
  if ARGV[3] == '' or is[1] == ARGV[3] then
    found[#found + 1] = {redis.call('GET', text_key(id)), redis.call('GET', quote_key(id)) or '', is[2], is[3], is[4], is[5], is[1]}
  end
end
return found

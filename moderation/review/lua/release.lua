#!lua flags=allow-oom
-- Back to its place.
-- ARGV  [3] id  [4] moderator  [5] version
-- Returns {} or {'conflict', …}

local id, key = ARGV[3], item_key(ARGV[3])
if not holds_claim(id, ARGV[4], ARGV[5]) then return conflict(id) end
local was = take_out(id)
redis.call('HDEL', key, 'moderator', 'claimed_at', 'until')
redis.call('HINCRBY', key, 'version', 1)
put_in(id)
audit('released', ARGV[4], id, was)
return {}

#!lua flags=allow-oom
-- One certain item, leased.
-- ARGV  [3] id  [4] moderator  [5] lease seconds
-- Returns {words, quote, version, filed_at, claimed_at, until}, {'conflict', …}, or false when it does not wait here

settle()
local id, moderator = ARGV[3], ARGV[4]
local is = redis.call('HMGET', item_key(id), 'state', 'moderator', 'for')
if is[1] == 'resolved' then return conflict(id) end
if not is_queued(is[1]) then return false end
if is[1] == 'leased' and is[2] ~= moderator then return conflict(id) end
if is[1] == 'held' and is[3] and is[3] ~= moderator then return conflict(id) end
return lease(id, moderator, tonumber(ARGV[5]), 'claimed')

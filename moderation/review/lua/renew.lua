#!lua flags=allow-oom
-- A longer lease for whoever holds it.
-- ARGV  [3] id  [4] moderator  [5] version  [6] lease seconds
-- Returns {until} or {'conflict', …}

local id, key = ARGV[3], item_key(ARGV[3])
if not holds_claim(id, ARGV[4], ARGV[5]) then return conflict(id) end
local untilled = number(now + tonumber(ARGV[6]))
take_out(id)
redis.call('HSET', key, 'state', 'leased', 'until', untilled, 'claimed_at', redis.call('HGET', key, 'claimed_at') or number(now))
redis.call('ZADD', leases, untilled, id)
return {untilled}

-- A longer lease for whoever holds it.
-- ARGV  [3] id  [4] token  [5] lease seconds
-- Returns the new end, or false when the lease is lost

local key = held(ARGV[3], ARGV[4])
if not key then return false end
local untilled = number(now + tonumber(ARGV[5]))
redis.call('HSET', key, 'until', untilled)
redis.call('ZADD', leases, untilled, ARGV[3])
return untilled

-- Back to its place.
-- ARGV  [3] id  [4] token
-- Returns 1, or false when the lease is lost

local key = held(ARGV[3], ARGV[4])
if not key then return false end
local was = redis.call('HMGET', key, 'rank', 'filed_at')
redis.call('ZREM', leases, ARGV[3])
redis.call('HSET', key, 'state', 'ready')
redis.call('HDEL', key, 'token', 'moderator', 'until')
redis.call('ZADD', ready, was[1], ARGV[3])
redis.call('ZADD', filed, was[2], ARGV[3])
return 1

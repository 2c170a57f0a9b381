-- How full.
-- Returns {ready, leased, age of the oldest that waits}

return_expired()
local oldest = redis.call('ZRANGE', filed, 0, 0, 'WITHSCORES')
local age = oldest[2] and now - tonumber(oldest[2]) or 0
return {redis.call('ZCARD', ready), redis.call('ZCARD', leases), number(age)}

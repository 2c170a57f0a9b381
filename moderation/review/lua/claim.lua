-- The most urgent items, leased.
-- ARGV  [3] moderator  [4] lease seconds  [5…] a token for each item wanted
-- Returns a list of {data, token, filed_at, until}

return_expired()
local claims = {}
local untilled = number(now + tonumber(ARGV[4]))
for i = 5, #ARGV do
  local popped = redis.call('ZPOPMIN', ready)
  if not popped[1] then break end
  local id, key = popped[1], item_key(popped[1])
  redis.call('ZREM', filed, id)
  redis.call('ZADD', leases, untilled, id)
  redis.call('HSET', key, 'state', 'leased', 'token', ARGV[i], 'moderator', ARGV[3], 'until', untilled)
  local was = redis.call('HMGET', key, 'data', 'filed_at')
  claims[#claims + 1] = {was[1], ARGV[i], was[2], untilled}
end
return claims

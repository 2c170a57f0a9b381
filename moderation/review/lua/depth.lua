#!lua flags=allow-oom
-- How full.
-- Returns {leased, held, category, how many of it wait, age of its oldest, …}

settle()
local found = {redis.call('ZCARD', leases), redis.call('ZCARD', holds)}
for _, category in ipairs(redis.call('SMEMBERS', prefix .. ':categories')) do
  local index = prefix .. ':filed:' .. category
  local oldest = redis.call('ZRANGE', index, 0, 0, 'WITHSCORES')
  if oldest[2] then
    found[#found + 1] = category
    found[#found + 1] = redis.call('ZCARD', index)
    found[#found + 1] = number(math.max(0, now - tonumber(oldest[2])))
  end
end
return found

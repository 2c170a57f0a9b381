-- The next items, untouched.
-- ARGV  [3] how many
-- Returns a list of {data, filed_at}

return_expired()
local items = {}
for _, id in ipairs(redis.call('ZRANGE', ready, 0, tonumber(ARGV[3]) - 1)) do
  items[#items + 1] = redis.call('HMGET', item_key(id), 'data', 'filed_at')
end
return items

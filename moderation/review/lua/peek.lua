#!lua flags=allow-oom
-- The next items that fit a filter, untouched.
-- ARGV  [3] how many  [4] level  [5] site  [6] section  [7] category  [8] language ('' fits all)
-- Returns a list of {words, quote, filed_at}

settle()
local wanted, filter = tonumber(ARGV[3]), {ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]}
local found = {}
local buckets = redis.call('ZRANGE', heads, 0, -1, 'WITHSCORES')
for i = 1, #buckets, 2 do
  if fits(buckets[i], filter) then
    -- Buckets come by their first rank: once enough are found that rank before it, the rest cannot matter.
    if #found >= wanted and tonumber(buckets[i + 1]) > found[wanted][1] then break end
    local some = redis.call('ZRANGE', prefix .. ':bucket:' .. buckets[i], 0, wanted - 1, 'WITHSCORES')
    for j = 1, #some, 2 do found[#found + 1] = {tonumber(some[j + 1]), some[j]} end
    table.sort(found, function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end)
  end
end
local items = {}
for i = 1, math.min(wanted, #found) do
  local id = found[i][2]
  items[i] = {redis.call('GET', text_key(id)), redis.call('GET', quote_key(id)) or '', redis.call('HGET', item_key(id), 'filed_at')}
end
return items

#!lua flags=allow-oom
-- What is put aside, soonest to come back first.
-- ARGV  [3] for whom, or '' for all, those put aside for nobody included  [4] how many
-- Returns a list of {words, quote, filed_at, until, for whom or ''}

settle()
local ids, wanted = nil, tonumber(ARGV[4])
if ARGV[3] == '' then
  ids = redis.call('ZRANGE', holds, 0, wanted - 1)
else
  ids = redis.call('ZRANGE', prefix .. ':for:' .. ARGV[3], 0, -1)
  local back = {}
  for _, id in ipairs(ids) do back[id] = tonumber(redis.call('ZSCORE', holds, id)) end
  table.sort(ids, function(a, b) return back[a] < back[b] or (back[a] == back[b] and a < b) end)
end
local found = {}
for i = 1, math.min(wanted, #ids) do
  local is = redis.call('HMGET', item_key(ids[i]), 'filed_at', 'until', 'for')
  found[i] = {redis.call('GET', text_key(ids[i])), redis.call('GET', quote_key(ids[i])) or '', is[1], is[2], is[3] or ''}
end
return found

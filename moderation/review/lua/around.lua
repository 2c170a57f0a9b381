#!lua flags=allow-oom
-- What stands around a comment: an author's record, and what shares a trait.
-- ARGV  [3] author or ''  [4] how many for each trait  [5] one certain id (the parent) or ''  [6…] traits
-- Returns {ids of the record, ids for the first trait, …, rows of all these and of the certain one}; a row is
-- {id, state, verdict, escalated, filed_at, bucket, words or '', quote or ''}, with words for what shares a trait

local lists, rows, found = {}, {}, {}

local function look(id, words)
  if found[id] and (found[id][7] ~= '' or not words) then return end
  local is = redis.call('HMGET', item_key(id), 'state', 'verdict', 'escalated', 'filed_at', 'bucket')
  if not is[4] then return end
  local row = found[id] or {id, is[1], is[2] or '', is[3] or '', is[4], is[5], '', ''}
  if words then
    row[7], row[8] = redis.call('GET', text_key(id)) or '', redis.call('GET', quote_key(id)) or ''
  end
  if not found[id] then rows[#rows + 1] = row end
  found[id] = row
end

local function list(index, many, words)
  -- What waits has no end and comes first.
  local ids = redis.call('ZREVRANGEBYSCORE', index, '+inf', '(' .. number(now), 'LIMIT', 0, many)
  for _, id in ipairs(ids) do look(id, words) end
  lists[#lists + 1] = ids
end

if ARGV[3] ~= '' then list(prefix .. ':record:' .. ARGV[3], 100, false) else lists[1] = {} end
if ARGV[5] ~= '' then look(ARGV[5], true) end
for i = 6, #ARGV do list(prefix .. ':trait:' .. ARGV[i], tonumber(ARGV[4]), true) end
lists[#lists + 1] = rows
return lists

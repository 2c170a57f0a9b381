#!lua flags=allow-oom
-- Words gone everywhere, never filed again; the audit keeps a digest.
-- ARGV  [3] comment | author  [4] its id  [5] retention  [6] by whom
-- Returns how many comments had words here

local function erase(id)
  local is = redis.call('HMGET', item_key(id), 'state', 'digest')
  local had = redis.call('EXISTS', text_key(id))
  if is[1] == 'deleted' then return 0 end
  drop_quotes_of(id)
  bury(id, 'deleted', ARGV[5])
  audit('erased', ARGV[6], id, is[1], is[2] or '')
  return had
end

if ARGV[3] == 'comment' then return erase(ARGV[4]) end
local count = 0
for _, id in ipairs(redis.call('ZRANGE', prefix .. ':author:' .. ARGV[4], 0, -1)) do count = count + erase(id) end
redis.call('DEL', prefix .. ':record:' .. ARGV[4])
return count

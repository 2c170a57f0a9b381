-- One revision of a comment that needs a person: file it, replace an older one, or do nothing. Refused while Redis is out of memory.
-- ARGV  [3] id  [4] revision  [5] text  [6] quote or ''  [7] priority  [8] horizon  [9] bucket  [10] author or ''  [11] parent or ''  [12] digest
--       [13…] traits
-- Returns filed | repeated | stale | deleted

local id, revision = ARGV[3], tonumber(ARGV[4])
local key = item_key(id)
local is = redis.call('HMGET', key, 'state', 'revision', 'filed_at', 'escalated')
local state, known = is[1], tonumber(is[2] or 0)

if state == 'deleted' then return 'deleted' end
if state and known == revision then return 'repeated' end
if state and known > revision then return 'stale' end

-- An edit keeps its place in time, and its level: editing must not send an item to the back.
local again = is_queued(state)
local filed_at = again and tonumber(is[3]) or now
local level = again and is[4] and '2' or '1'
take_out(id)
drop_words(id)
drop_record(id)
redis.call('HDEL', key, unpack(FLEETING))
redis.call('HDEL', key, unpack(DECIDED))
redis.call('HSET', key, 'revision', revision, 'priority', ARGV[7], 'filed_at', number(filed_at), 'digest', ARGV[12], 'bucket', level .. ARGV[9],
  'rank', number(filed_at - tonumber(ARGV[7]) * tonumber(ARGV[8])))
if level == '2' then redis.call('HSET', key, 'escalated', 1) end
if ARGV[10] ~= '' then redis.call('HSET', key, 'author', ARGV[10]) end
redis.call('SET', text_key(id), ARGV[5])
if ARGV[6] ~= '' then
  redis.call('HSET', key, 'parent', ARGV[11])
  redis.call('SET', quote_key(id), ARGV[6])
end
if ARGV[13] then redis.call('SET', traits_key(id), cmsgpack.pack({unpack(ARGV, 13)})) end
redis.call('HINCRBY', key, 'version', 1)
redis.call('PERSIST', key)
keep_words(id)
keep_record(id)
put_in(id)
audit(again and 'edited' or 'filed', '', id, state, ARGV[12])
return 'filed'

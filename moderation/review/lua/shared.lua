-- Stands before every script. Every script gets one key, {prefix}, whose hash tag all others share: one slot, so a cluster can route it.
--
-- {prefix}:item:ID     hash    what is known of a comment, without its words: state revision version bucket rank filed_at priority digest
--                              author parent moderator claimed_at until for escalated verdict verdict_id decided_by decided_at decided_version
--                              reason seconds
-- {prefix}:text:ID     string  the item as JSON, words included; gone with the verdict, after the time for undoing it
-- {prefix}:quote:ID    string  the words of the comment answered to
-- {prefix}:bucket:B    zset    ID by rank       what waits with one level, site, section, category and language
-- {prefix}:heads       zset    B by first rank  the buckets that hold something, most urgent first
-- {prefix}:filed:C     zset    ID by filed_at   what waits, by category, oldest first
-- {prefix}:categories  set     C                the categories there have been
-- {prefix}:leases      zset    ID by until      what is claimed
-- {prefix}:holds       zset    ID by until      what is put aside, for a time or for a moderator
-- {prefix}:for:M       zset    ID by rank       what is put aside for a moderator
-- {prefix}:author:A    zset    ID by expiry     comments with words here, of an author; and likewise
-- {prefix}:replies:P   zset    ID by expiry     comments with the words of P as a quote
-- {prefix}:traits:ID   string  what it may have in common with others (traits.py): a msgpack list of names; goes with its words
-- {prefix}:trait:T     zset    ID by expiry     comments with words here that have it: an article, a parent, nearly the same words
-- {prefix}:record:A    zset    ID by expiry     what was filed of an author, the latest 100, for as long as it is remembered
-- {prefix}:audit       stream  every step       {prefix}:outbox  stream  verdicts for Kafka       {prefix}:leader  string  who relays them
-- {prefix}:clock       string  the latest time seen                             {prefix}:steps   hash    how many steps, by what
--
-- States: ready leased held resolved passed deleted expired. Common ARGV: [1] seconds added to the server's clock (0 but in tests)  [2] audit events kept

local prefix = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000 + tonumber(ARGV[1])
local heads, leases, holds = prefix .. ':heads', prefix .. ':leases', prefix .. ':holds'

local function item_key(id) return prefix .. ':item:' .. id end
local function text_key(id) return prefix .. ':text:' .. id end
local function quote_key(id) return prefix .. ':quote:' .. id end
local function traits_key(id) return prefix .. ':traits:' .. id end
local function number(value) return string.format('%.6f', value) end

local function parts(bucket)
  local found = {}
  for part in string.gmatch(bucket .. '\31', '([^\31]*)\31') do found[#found + 1] = part end
  return found
end

local function audit(what, who, id, before, detail, seconds)
  local is = redis.call('HMGET', item_key(id), 'state', 'version', 'revision', 'bucket')
  redis.call('XADD', prefix .. ':audit', 'MAXLEN', '~', ARGV[2], '*', 'what', what, 'who', who, 'id', id, 'before', before or 'absent', 'after',
    is[1] or 'absent', 'version', is[2] or 0, 'revision', is[3] or 0, 'category', is[4] and parts(is[4])[4] or '', 'detail',
    detail or '', 'seconds', seconds or '')
  redis.call('HINCRBY', prefix .. ':steps', what, 1)
end

local function refresh(bucket)
  local first = redis.call('ZRANGE', prefix .. ':bucket:' .. bucket, 0, 0, 'WITHSCORES')
  if first[1] then redis.call('ZADD', heads, first[2], bucket) else redis.call('ZREM', heads, bucket) end
end

-- Into the indexes of what waits.
local function put_in(id)
  local key = item_key(id)
  local is = redis.call('HMGET', key, 'bucket', 'rank', 'filed_at')
  local category = parts(is[1])[4]
  redis.call('HSET', key, 'state', 'ready')
  redis.call('ZADD', prefix .. ':bucket:' .. is[1], is[2], id)
  refresh(is[1])
  redis.call('ZADD', prefix .. ':filed:' .. category, is[3], id)
  redis.call('SADD', prefix .. ':categories', category)
end

-- Out of the indexes, whichever it is in. Returns the state it was in.
local function take_out(id)
  local is = redis.call('HMGET', item_key(id), 'state', 'bucket', 'for')
  if is[1] == 'ready' then
    redis.call('ZREM', prefix .. ':bucket:' .. is[2], id)
    refresh(is[2])
    redis.call('ZREM', prefix .. ':filed:' .. parts(is[2])[4], id)
  elseif is[1] == 'leased' then
    redis.call('ZREM', leases, id)
  elseif is[1] == 'held' then
    redis.call('ZREM', holds, id)
    if is[3] then redis.call('ZREM', prefix .. ':for:' .. is[3], id) end
  end
  return is[1]
end

local function is_queued(state) return state == 'ready' or state == 'leased' or state == 'held' end

-- Note in an index of words that `id` has some there; for ever, or for `seconds`.
local function enrol(index, id, seconds)
  redis.call('ZADD', index, seconds and number(now + seconds) or '+inf', id)
  if not seconds then
    redis.call('PERSIST', index)
    return
  end
  redis.call('ZREMRANGEBYSCORE', index, '-inf', number(now))
  if redis.call('ZCOUNT', index, '+inf', '+inf') == 0 then redis.call('EXPIRE', index, math.ceil(seconds)) end
end

-- What it may have in common with others.
local function traits_of(id)
  local packed = redis.call('GET', traits_key(id))
  return packed and cmsgpack.unpack(packed) or {}
end

-- The words stay for `seconds` more (nil: as long as the item waits).
local function keep_words(id, seconds)
  local key = item_key(id)
  for _, words in ipairs({text_key(id), quote_key(id), traits_key(id)}) do
    if seconds then redis.call('EXPIRE', words, math.ceil(seconds)) else redis.call('PERSIST', words) end
  end
  for _, trait in ipairs(traits_of(id)) do enrol(prefix .. ':trait:' .. trait, id, seconds) end
  local is = redis.call('HMGET', key, 'author', 'parent')
  if is[1] then enrol(prefix .. ':author:' .. is[1], id, seconds) end
  if is[2] then enrol(prefix .. ':replies:' .. is[2], id, seconds) end
end

local function drop_words(id)
  local key = item_key(id)
  local is = redis.call('HMGET', key, 'author', 'parent')
  for _, trait in ipairs(traits_of(id)) do redis.call('ZREM', prefix .. ':trait:' .. trait, id) end
  redis.call('DEL', text_key(id), quote_key(id), traits_key(id))
  if is[1] then redis.call('ZREM', prefix .. ':author:' .. is[1], id) end
  if is[2] then redis.call('ZREM', prefix .. ':replies:' .. is[2], id) end
end

-- In its author's record for as long as it waits (nil), or for `seconds`.
local function keep_record(id, seconds)
  local author = redis.call('HGET', item_key(id), 'author')
  if not author then return end
  enrol(prefix .. ':record:' .. author, id, seconds)
  redis.call('ZREMRANGEBYRANK', prefix .. ':record:' .. author, 0, -101)
end

local function drop_record(id)
  local author = redis.call('HGET', item_key(id), 'author')
  if author then redis.call('ZREM', prefix .. ':record:' .. author, id) end
end

local FLEETING = {'bucket', 'rank', 'priority', 'filed_at', 'author', 'parent', 'moderator', 'claimed_at', 'until', 'for', 'escalated'}
local DECIDED = {'verdict', 'verdict_id', 'decided_by', 'decided_at', 'decided_version', 'reason', 'seconds'}

-- An item that is over: only a tombstone stays, for `retention` seconds. Returns the state it was in.
local function bury(id, state, retention)
  local key = item_key(id)
  local was = take_out(id)
  drop_words(id)
  drop_record(id)
  redis.call('HDEL', key, unpack(FLEETING))
  redis.call('HDEL', key, unpack(DECIDED))
  redis.call('HSET', key, 'state', state)
  redis.call('HINCRBY', key, 'version', 1)
  redis.call('EXPIRE', key, retention)
  return was
end

-- A comment that is gone is gone from where others quote it, too.
local function drop_quotes_of(id)
  local index = prefix .. ':replies:' .. id
  for _, reply in ipairs(redis.call('ZRANGE', index, 0, -1)) do redis.call('DEL', quote_key(reply)) end
  redis.call('DEL', index)
end

-- What ran out is ready again, in its old place, whoever looks first. A clock that was set back takes the leases with it.
local function settle()
  local clock = prefix .. ':clock'
  local last = tonumber(redis.call('GET', clock) or now)
  if now < last - 1 then
    for _, id in ipairs(redis.call('ZRANGE', leases, 0, -1)) do
      local untilled = number(tonumber(redis.call('HGET', item_key(id), 'until')) - (last - now))
      redis.call('HSET', item_key(id), 'until', untilled)
      redis.call('ZADD', leases, untilled, id)
    end
  end
  redis.call('SET', clock, number(now))
  for _, index in ipairs({leases, holds}) do
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', number(now), 'LIMIT', 0, 1000)) do
      local who = redis.call('HGET', item_key(id), 'moderator') or ''
      local was = take_out(id)
      redis.call('HDEL', item_key(id), 'until', 'for', 'claimed_at')
      put_in(id)
      audit(was == 'leased' and 'lapsed' or 'due', who, id, was)
    end
  end
end

-- True when the claim is still good: nobody has touched the item since. A lease that ran out unnoticed does not spoil it.
local function holds_claim(id, moderator, version)
  local is = redis.call('HMGET', item_key(id), 'state', 'moderator', 'version')
  return (is[1] == 'leased' or is[1] == 'ready') and is[2] == moderator and is[3] == version
end

local function conflict(id)
  local is = redis.call('HMGET', item_key(id), 'state', 'revision', 'moderator', 'decided_by', 'verdict')
  return {'conflict', is[1] or 'absent', is[2] or '0', is[3] or '', is[4] or '', is[5] or ''}
end

-- Lease an item. Returns what a Claim is made of: {words, quote, version, filed_at, claimed_at, until}
local function lease(id, moderator, seconds, what, before)
  local key = item_key(id)
  local was = take_out(id)
  local untilled = number(now + seconds)
  redis.call('HDEL', key, 'for')
  redis.call('HSET', key, 'state', 'leased', 'moderator', moderator, 'claimed_at', number(now), 'until', untilled)
  redis.call('ZADD', leases, untilled, id)
  local version = redis.call('HINCRBY', key, 'version', 1)
  audit(what, moderator, id, before or was)
  return {redis.call('GET', text_key(id)), redis.call('GET', quote_key(id)) or '', version, redis.call('HGET', key, 'filed_at'), number(now), untilled}
end

-- Does a bucket fit a filter {level, site, section, category, language}? '' fits all.
local function fits(bucket, filter, from)
  local are = parts(bucket)
  for i = from or 1, 5 do
    if filter[i] ~= '' and filter[i] ~= are[i] then return false end
  end
  return true
end

-- The bucket with the most urgent item that fits, or nil.
local function first_bucket(filter)
  local from = 0
  while true do
    local some = redis.call('ZRANGE', heads, from, from + 31)
    for _, bucket in ipairs(some) do
      if fits(bucket, filter) then return bucket end
    end
    if #some < 32 then return nil end
    from = from + 32
  end
end

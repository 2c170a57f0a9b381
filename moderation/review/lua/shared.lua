-- Stands before every script. One slot: all keys share the {prefix} hash tag.
--
-- Keys            {prefix}:item:ID   hash: state revision data priority filed_at rank author token moderator until verdict reason resolved_at
--                 {prefix}:ready     zset ID by rank         what waits, most urgent first
--                 {prefix}:filed     zset ID by filed_at     the same items, oldest first
--                 {prefix}:leases    zset ID by until        what is claimed
--                 {prefix}:author:A  set of ID               what is queued of an author
-- Common ARGV     [1] key prefix with its hash tag   [2] seconds added to the server's clock (0 but in tests)

local prefix = ARGV[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000 + tonumber(ARGV[2])
local ready, filed, leases = prefix .. ':ready', prefix .. ':filed', prefix .. ':leases'

local function item_key(id) return prefix .. ':item:' .. id end
local function number(value) return string.format('%.6f', value) end

-- Leases that ran out are ready again, in their old place, whoever looks first.
local function return_expired()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', number(now))) do
    local key = item_key(id)
    local was = redis.call('HMGET', key, 'rank', 'filed_at')
    redis.call('ZREM', leases, id)
    redis.call('HSET', key, 'state', 'ready')
    redis.call('HDEL', key, 'token', 'moderator', 'until')
    redis.call('ZADD', ready, was[1], id)
    redis.call('ZADD', filed, was[2], id)
  end
end

-- Out of every index, and the text is gone. True when it was ready or leased.
local function withdraw(id)
  local key = item_key(id)
  local was = redis.call('HMGET', key, 'state', 'author')
  redis.call('ZREM', ready, id)
  redis.call('ZREM', filed, id)
  redis.call('ZREM', leases, id)
  if was[2] then redis.call('SREM', prefix .. ':author:' .. was[2], id) end
  redis.call('HDEL', key, 'data', 'author', 'token', 'moderator', 'until', 'rank', 'priority', 'filed_at')
  return was[1] == 'ready' or was[1] == 'leased'
end

local function bury(id, retention)
  local queued = withdraw(id)
  redis.call('HSET', item_key(id), 'state', 'deleted')
  redis.call('EXPIRE', item_key(id), retention)
  return queued
end

-- The item of a claim that still holds, or nil.
local function held(id, token)
  local key = item_key(id)
  local was = redis.call('HMGET', key, 'state', 'token', 'until')
  if was[1] == 'leased' and was[2] == token and tonumber(was[3]) > now then return key end
  return nil
end

#!lua flags=allow-oom
-- How full the server is; of a cluster, the one that holds this queue.
-- Returns {bytes used, bytes it may use: maxmemory, or the machine's memory without one}

local info = redis.call('INFO', 'memory')
local function field(name) return tonumber(string.match(info, '[\r\n]' .. name .. ':(%d+)')) or 0 end
local limit = field('maxmemory')
if limit == 0 then limit = field('total_system_memory') end
return {field('used_memory'), limit}

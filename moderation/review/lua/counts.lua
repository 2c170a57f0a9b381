#!lua flags=allow-oom
-- How many wait, by level, site, section, category and language.
-- Returns {bucket, how many, …}

settle()
local found = {}
for _, bucket in ipairs(redis.call('ZRANGE', heads, 0, -1)) do
  found[#found + 1] = bucket
  found[#found + 1] = redis.call('ZCARD', prefix .. ':bucket:' .. bucket)
end
return found

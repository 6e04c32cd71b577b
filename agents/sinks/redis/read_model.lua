-- The read model's only writer.  Python puts the first line (the library's name) and VERSION before this text.
--
-- Every function gets one key, `<app>:{p<partition>}:offset`; all keys that it touches have the same tag and so the same slot.
-- A script's error undoes nothing, so the partition's offset is written last: what was cut short is done again.

local GRAVE_SECONDS = 86400 -- as long as Kafka keeps a tombstone: a rebuild that read the record before it may still bring it

local function base_of(offset_key)
  return string.sub(offset_key, 1, -(#"offset" + 1))
end

local function memberships(text)
  if not text or text == "" then return {} end
  return cjson.decode(text)
end

local function write(base, person, offset, doc, members, repair)
  local key = base .. "profile:" .. person
  local stored = redis.call("HMGET", key, "offset", "members")
  local at = tonumber(stored[1] or "-1")
  if at > offset or (at == offset and not repair) then return 0 end
  local now = memberships(members)
  for segment in pairs(memberships(stored[2])) do
    if not now[segment] then redis.call("ZREM", base .. "members:" .. segment, person) end
  end
  for segment, entered_at in pairs(now) do
    redis.call("ZADD", base .. "members:" .. segment, entered_at, person)
  end
  redis.call("DEL", key)
  if doc == "" then
    redis.call("HSET", key, "offset", offset)
    redis.call("EXPIRE", key, GRAVE_SECONDS)
  else
    redis.call("HSET", key, "doc", doc, "offset", offset, "members", members)
  end
  return 1
end

-- ARGV: after, last, "1" for repair, then person, offset, document ("" deletes), memberships for each record.
-- Returns {stored offset, documents changed}; changed is -1, and nothing was done, when Redis has less than `after`.
local function apply(keys, args)
  local after, last, repair = tonumber(args[1]), tonumber(args[2]), args[3] == "1"
  local stored = tonumber(redis.call("GET", keys[1]) or "-1")
  if stored < after then return {stored, -1} end
  local base, changed = base_of(keys[1]), 0
  for i = 4, #args, 4 do
    changed = changed + write(base, args[i], tonumber(args[i + 1]), args[i + 2], args[i + 3], repair)
  end
  if last > stored then
    redis.call("SET", keys[1], args[2])
    stored = last
  end
  return {stored, changed}
end

-- ARGV: ceiling, persons.  Removes their documents up to that offset; returns how many it removed (graves not counted).
local function remove(keys, args)
  local base, removed = base_of(keys[1]), 0
  for i = 2, #args do
    local key = base .. "profile:" .. args[i]
    local stored = redis.call("HMGET", key, "offset", "members", "doc")
    if stored[3] and tonumber(stored[1] or "-1") <= tonumber(args[1]) then
      for segment in pairs(memberships(stored[2])) do
        redis.call("ZREM", base .. "members:" .. segment, args[i])
      end
      redis.call("DEL", key)
      removed = removed + 1
    end
  end
  return removed
end

-- ARGV: segment, persons.  Removes from the segment's list whoever has no document that says so; returns how many.
local function prune(keys, args)
  local base, removed = base_of(keys[1]), 0
  for i = 2, #args do
    local held = memberships(redis.call("HGET", base .. "profile:" .. args[i], "members"))
    if not held[args[1]] then removed = removed + redis.call("ZREM", base .. "members:" .. args[1], args[i]) end
  end
  return removed
end

redis.register_function("touchline_apply_" .. VERSION, apply)
redis.register_function("touchline_remove_" .. VERSION, remove)
redis.register_function("touchline_prune_" .. VERSION, prune)

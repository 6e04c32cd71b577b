-- The read model's only writer.  Python puts the first line (the library's name) and VERSION before this text.
--
-- Every function gets one key, `<app>:{p<partition>}:offset:<kind>`; all keys that it touches have the same tag and so the same slot.
-- A script's error undoes nothing, so the partition's offset is written last: what was cut short is done again.

local GRAVE_SECONDS = 86400 -- as long as Kafka keeps a tombstone: a rebuild that read the record before it may still bring it

local function place_of(offset_key)
  return string.match(offset_key, "^(.*)offset:(%a+)$")
end

local function decoded(text)
  if not text or text == "" then return {} end
  return cjson.decode(text)
end

local function negated(amount)
  if string.sub(amount, 1, 1) == "-" then return string.sub(amount, 2) end
  return "-" .. amount
end

-- Adds amounts to the partition's totals; they are decimal text, as Lua's numbers would lose digits beyond 53 bits.
-- Where one cannot be added all are taken back, then it is an error: half of them would be added again by the next attempt.
local function add(base, amounts)
  local totals, failed, done = base .. "totals", nil, 0
  local function one(field, amount)
    local sum = redis.pcall("HINCRBY", totals, field, amount)
    if type(sum) == "table" then return sum end
    if sum == 0 then redis.call("HDEL", totals, field) end
  end
  for i, pair in ipairs(amounts) do
    failed = one(pair[1], pair[2])
    if failed then break end
    done = i
  end
  if not failed then return end
  for i = 1, done do one(amounts[i][1], negated(amounts[i][2])) end
  error(failed)
end

-- By kind: moves a document in what else it is in, from what is stored to what is about to be ("" and "": nothing).
local move = {}

function move.profile(base, person, _, members)
  local now = decoded(members)
  for segment in pairs(decoded(redis.call("HGET", base .. "profile:" .. person, "members"))) do
    if not now[segment] then redis.call("ZREM", base .. "members:" .. segment, person) end
  end
  for segment, entered_at in pairs(now) do
    redis.call("ZADD", base .. "members:" .. segment, entered_at, person)
  end
end

function move.account() end

function move.contribution(base, name, doc)
  local old, new = decoded(redis.call("HGET", base .. "contribution:" .. name, "doc")), decoded(doc)
  local amounts = {}
  for field, amount in pairs(old) do
    if new[field] ~= amount then table.insert(amounts, {field, negated(amount)}) end
  end
  for field, amount in pairs(new) do
    if old[field] ~= amount then table.insert(amounts, {field, amount}) end
  end
  add(base, amounts)
  redis.call(doc == "" and "SREM" or "SADD", base .. "contributors", name)
end

local function write(base, kind, name, offset, doc, members, repair)
  local key = base .. kind .. ":" .. name
  local at = tonumber(redis.call("HGET", key, "offset") or "-1")
  if at > offset or (at == offset and not repair) then return 0 end
  move[kind](base, name, doc, members)
  redis.call("DEL", key)
  if doc == "" then
    redis.call("HSET", key, "offset", offset)
    redis.call("EXPIRE", key, GRAVE_SECONDS)
  elseif kind == "profile" then
    redis.call("HSET", key, "doc", doc, "offset", offset, "members", members)
  else
    redis.call("HSET", key, "doc", doc, "offset", offset)
  end
  return 1
end

-- ARGV: after, last, "1" for repair, then name, offset, document ("" deletes), memberships for each record.
-- Returns {stored offset, documents changed}; changed is -1, and nothing was done, when Redis has less than `after`.
local function apply(keys, args)
  local after, last, repair = tonumber(args[1]), tonumber(args[2]), args[3] == "1"
  local stored = tonumber(redis.call("GET", keys[1]) or "-1")
  if stored < after then return {stored, -1} end
  local base, kind = place_of(keys[1])
  local changed = 0
  for i = 4, #args, 4 do
    changed = changed + write(base, kind, args[i], tonumber(args[i + 1]), args[i + 2], args[i + 3], repair)
  end
  if last > stored then
    redis.call("SET", keys[1], args[2])
    stored = last
  end
  return {stored, changed}
end

-- ARGV: ceiling, names.  Removes their documents up to that offset; returns how many it removed (graves not counted).
local function remove(keys, args)
  local base, kind = place_of(keys[1])
  local removed = 0
  for i = 2, #args do
    local key = base .. kind .. ":" .. args[i]
    local stored = redis.call("HMGET", key, "offset", "doc")
    if stored[2] and tonumber(stored[1] or "-1") <= tonumber(args[1]) then
      move[kind](base, args[i], "", "")
      redis.call("DEL", key)
      removed = removed + 1
    end
  end
  return removed
end

-- ARGV: segment, persons.  Removes from the segment's list whoever has no document that says so; returns how many.
local function prune(keys, args)
  local base, removed = place_of(keys[1]), 0
  for i = 2, #args do
    local held = decoded(redis.call("HGET", base .. "profile:" .. args[i], "members"))
    if not held[args[1]] then removed = removed + redis.call("ZREM", base .. "members:" .. args[1], args[i]) end
  end
  return removed
end

-- ARGV: offset, then field and sum for each total that has to be another ("0": none).  Returns 0, and nothing was done, when
-- the partition is not at that offset: the sums were made of other contributions.
local function mend(keys, args)
  if (redis.call("GET", keys[1]) or "-1") ~= args[1] then return 0 end
  local totals = place_of(keys[1]) .. "totals"
  for i = 2, #args, 2 do
    if args[i + 1] == "0" then redis.call("HDEL", totals, args[i]) else redis.call("HSET", totals, args[i], args[i + 1]) end
  end
  return 1
end

redis.register_function("touchline_apply_" .. VERSION, apply)
redis.register_function("touchline_remove_" .. VERSION, remove)
redis.register_function("touchline_prune_" .. VERSION, prune)
redis.register_function("touchline_mend_" .. VERSION, mend)

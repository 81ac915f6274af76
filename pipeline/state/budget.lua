-- Carries out a batch's draws on one budget, in order.
--
-- KEYS[1]  marker
-- KEYS[2]  {gXX}:b:<budget>, a hash:
--            used                          what was taken, and given to who waited
--            turn                          how many that waited were given room
--            d/<incarnation>/<partition>   number:era:generation of its last draw
-- KEYS[3]  {gXX}:bq:<budget>, a sorted set: rewards that wait, by the time of the
--          conversion; equal times go by the reward
-- KEYS[4]  {gXX}:bw:<budget>, a hash: of each reward that waits, or was given room
--          that nobody collected, <turn>:<amount>:<bytes of name>:<name><ref>, the
--          name being the partition's; no turn as long as it waits
-- KEYS[5]  {gXX}:bg:<budget>, a sorted set of equal scores, read by prefix:
--          <name>/<turn>/<reward> of room that nobody collected
-- KEYS[6]  {gXX}:bo:<name>:<budget>, a hash: answers to the draws of the partition's
--          last batch, by ID
-- ARGV[1] to ARGV[5] as in marker.lua, ARGV[6] the batch in which the partition drew
-- last, ARGV[7] how many rewards one draw collects at most, ARGV[8] how many are given
-- room at most; then for each draw its ID, op, limit, amount, time, reward and ref.
-- Returns {'OK', answers...}: + taken, - waits, or <amount>:<bytes of ref>:<ref> of
-- each reward collected. On {'LOST', 'used', used, amount} the draws before stand.
local refusal = recorded()
if refusal then return refusal end
local last = parsed(call('HGET', KEYS[2], ARGV[2]))
refusal = fenced(last)
if refusal then return refusal end
local number = tonumber(ARGV[5])
if number < last.number then return {'FENCED', 'number', last.numberText} end
if number > last.number and last.numberText ~= ARGV[6] then return {'LOST', 'draw', last.numberText} end
-- HSET comes first: a Redis that is full refuses only a script's first write.
call('HSET', KEYS[2], ARGV[2], ARGV[5] .. ':' .. ARGV[3] .. ':' .. ARGV[4])
local again = number == last.number -- the batch has drawn here before
if not again then call('DEL', KEYS[6]) end

-- Amounts have 63 bits, but a number here is exact to 53: an amount is two
-- numbers, the lower of ten digits.
local ten = 1e10
local function amount(digits)
  local cut = math.max(#digits - 10, 0)
  return {tonumber(string.sub(digits, 1, cut)) or 0, tonumber(string.sub(digits, cut + 1))}
end
local function plus(a, b)
  local low = a[2] + b[2]
  local carry = low >= ten and 1 or 0
  return {a[1] + b[1] + carry, low - carry * ten}
end
local function minus(a, b)
  local low = a[2] - b[2]
  local carry = low < 0 and 1 or 0
  return {a[1] - b[1] - carry, low + carry * ten}
end
local function fits(a, room)
  return a[1] < room[1] or a[1] == room[1] and a[2] <= room[2]
end
local function digits(a)
  if a[1] == 0 then return string.format('%.0f', a[2]) end
  return string.format('%.0f%010.0f', a[1], a[2])
end

local name = string.sub(ARGV[2], 3)
local state = call('HMGET', KEYS[2], 'used', 'turn')
local used, turn = amount(state[1] or '0'), tonumber(state[2] or '0')
local exhausted -- the limit under which the oldest that waits is known not to fit
local known = call('EXISTS', KEYS[4]) == 1 -- whether any reward waits, or may
local left = tonumber(ARGV[8]) -- how many more are given room: Redis answers nobody meanwhile
local made, fresh = {}, {} -- the answers of this call, by draw, and as a list

-- keep writes what the draws have come to.
local function keep()
  call('HSET', KEYS[2], 'used', digits(used), 'turn', string.format('%.0f', turn))
  for from = 1, #fresh, 500 do
    call('HSET', KEYS[6], unpack(fresh, from, math.min(from + 499, #fresh)))
  end
end

-- waiter reads a field of KEYS[4].
local function waiter(field)
  local turned, minor, bytes, rest = string.match(field, '^(%d*):(%d+):(%d+):(.*)$')
  return turned, minor, string.sub(rest, 1, tonumber(bytes)), string.sub(rest, tonumber(bytes) + 1)
end

-- release gives room to those who wait, as long as the oldest fits. What it leaves
-- undone, the next call goes on with.
local function release(limit)
  if exhausted == limit or left == 0 then return end
  local most = amount(limit)
  local page, n, oldest = 1
  repeat -- the first alone, for mostly it does not fit
    oldest, n = call('ZRANGE', KEYS[3], 0, page - 1), 0
    local fields = #oldest > 0 and call('HMGET', KEYS[4], unpack(oldest)) or {}
    local waiters, grants = {}, {}
    for i, field in ipairs(fields) do
      local _, wanted, of = waiter(field)
      if left == 0 or not fits(amount(wanted), minus(most, used)) then break end
      used, turn, left, n = plus(used, amount(wanted)), turn + 1, left - 1, i
      local turned = string.format('%016.0f', turn)
      waiters[2 * i - 1], waiters[2 * i] = oldest[i], turned .. field
      grants[2 * i - 1], grants[2 * i] = '0', of .. '/' .. turned .. '/' .. oldest[i]
    end
    if n > 0 then
      call('HSET', KEYS[4], unpack(waiters))
      call('ZADD', KEYS[5], unpack(grants))
      call('ZREM', KEYS[3], unpack(oldest, 1, n))
    end
    page = 100
  until left == 0 or n == 0 or n < #oldest
  exhausted = left > 0 and limit or nil
end

-- leave drops a reward that waits, or takes back the room that it was given.
local function leave(reward)
  local field = known and call('HGET', KEYS[4], reward)
  if not field then return end
  local turned, given, of = waiter(field)
  call('HDEL', KEYS[4], reward)
  if turned == '' then
    call('ZREM', KEYS[3], reward)
  else
    call('ZREM', KEYS[5], of .. '/' .. turned .. '/' .. reward)
    used = minus(used, amount(given))
  end
  exhausted = nil
end

-- take takes an amount if it fits and nobody who waits does, or else lets the
-- reward wait.
local function take(limit, wanted, time, reward, ref)
  leave(reward)
  release(limit)
  if exhausted == limit and fits(amount(wanted), minus(amount(limit), used)) then
    used = plus(used, amount(wanted))
    return '+'
  end
  call('HSET', KEYS[4], reward, ':' .. wanted .. ':' .. #name .. ':' .. name .. ref)
  call('ZADD', KEYS[3], time, reward)
  known = true
  return '-'
end

-- collect hands out the room that rewards of this partition were given, the
-- oldest first.
local function collect()
  local collected, most = {}, tonumber(ARGV[7])
  while #collected < most do
    local page = math.min(100, most - #collected)
    local grants = call('ZRANGEBYLEX', KEYS[5], '[' .. name .. '/', '(' .. name .. '0', 'LIMIT', 0, page) -- 0 follows /
    if #grants == 0 then break end
    local rewards = {}
    for i, grant in ipairs(grants) do rewards[i] = string.sub(grant, #name + 19) end
    for _, field in ipairs(call('HMGET', KEYS[4], unpack(rewards))) do
      local _, given, _, ref = waiter(field)
      collected[#collected + 1] = given .. ':' .. #ref .. ':' .. ref
    end
    call('HDEL', KEYS[4], unpack(rewards))
    call('ZREM', KEYS[5], unpack(grants))
  end
  return table.concat(collected)
end

local answers = {'OK'}
for at = 9, #ARGV, 7 do
  local id, op, limit, sum, time, reward, ref = unpack(ARGV, at, at + 6)
  local answer = made[id] or again and call('HGET', KEYS[6], id)
  if not answer then
    answer = ''
    release(limit)
    if op == '1' then
      answer = take(limit, sum, time, reward, ref)
    elseif op == '2' then
      if not fits(amount(sum), used) then
        keep()
        return {'LOST', 'used', digits(used), sum}
      end
      used, exhausted = minus(used, amount(sum)), nil
    elseif op == '3' then
      leave(reward)
    else
      answer = collect()
    end
    release(limit)
    made[id] = answer
    fresh[#fresh + 1], fresh[#fresh + 2] = id, answer
  end
  answers[#answers + 1] = answer
end
keep()
return answers

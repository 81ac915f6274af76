-- Put after marker.lua in the scripts about claims: the filter of what was
-- released.
--
-- KEYS[2]  {gXX}:old, a string of 4,096 blocks of 32 bytes. An id lies in one of
--          them by its bytes 2 and 3, and sets eight of its 256 bits by its bytes 4
--          to 11: a Bloom filter whose keys cost one read each.
local function block(field)
  local high, low = string.byte(field, 2, 3)
  local at = 32 * (256 * (high % 16) + low)
  return at, call('GETRANGE', KEYS[2], at, at + 31)
end

-- maybeOld tells whether an id may have been released; "no" is certain.
local function maybeOld(field)
  local _, bits = block(field)
  if bits == '' then return false end
  for i = 4, 11 do
    local bit = string.byte(field, i)
    local byte = string.byte(bits, math.floor(bit / 8) + 1) or 0
    if math.floor(byte / 2 ^ (bit % 8)) % 2 == 0 then return false end
  end
  return true
end

-- setOld adds an id.
local function setOld(field)
  local at, bits = block(field)
  local bytes = {string.byte(bits, 1, -1)}
  for i = #bytes + 1, 32 do bytes[i] = 0 end
  for i = 4, 11 do
    local bit = string.byte(field, i)
    local place, power = math.floor(bit / 8) + 1, 2 ^ (bit % 8)
    if math.floor(bytes[place] / power) % 2 == 0 then bytes[place] = bytes[place] + power end
  end
  call('SETRANGE', KEYS[2], at, string.char(unpack(bytes)))
end

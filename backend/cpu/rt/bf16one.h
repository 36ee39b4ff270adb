INLINE float s_from_bf16(uint16_t x)
{
    union { uint32_t u; float f; } r = {(uint32_t)x << 16};
    return r.f;
}
INLINE uint16_t s_to_bf16(float x)
{
    union { float f; uint32_t u; } b = {x};
    return (x != x ? b.u | 0x400000 : b.u + 0x7fff + (b.u >> 16 & 1)) >> 16;
}

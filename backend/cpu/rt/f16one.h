INLINE float s_from_f16(uint16_t x) { return v4_from_f16((v4s){x})[0]; }
INLINE uint16_t s_to_f16(float x) { return v4_to_f16(v4_splat(x))[0]; }

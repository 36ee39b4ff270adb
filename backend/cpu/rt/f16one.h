#if defined(__F16C__) && !defined(__clang__)
typedef short eight_halves __attribute__((vector_size(16)));
INLINE float s_from_f16(uint16_t x) { return __builtin_ia32_vcvtph2ps((eight_halves){(short)x})[0]; }
INLINE uint16_t s_to_f16(float x) { return (uint16_t)__builtin_ia32_vcvtps2ph(v4_splat(x), 0)[0]; }
#else
INLINE float s_from_f16(uint16_t x) { return v4_from_f16((v4s){x})[0]; }
INLINE uint16_t s_to_f16(float x) { return v4_to_f16(v4_splat(x))[0]; }
#endif

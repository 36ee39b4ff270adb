/* f16 has 5 bits of exponent and 10 of fraction. To the nearest, ties to even; what is no number stays none. */
#if WIDTH == 8 && defined(__F16C__) && !defined(__clang__)
INLINE vWf vW_from_f16(vWs x) { return (vWf)__builtin_ia32_vcvtph2ps256((short __attribute__((vector_size(16))))x); }
INLINE vWs vW_to_f16(vWf x) { return (vWs)__builtin_ia32_vcvtps2ph256(x, 0); }
#elif WIDTH == 16 && defined(__AVX512F__) && !defined(__clang__)
INLINE vWf vW_from_f16(vWs x) { return (vWf)__builtin_ia32_vcvtph2ps512_mask((short __attribute__((vector_size(32))))x, (vWf){0}, -1, 4); }
INLINE vWs vW_to_f16(vWf x) { return (vWs)__builtin_ia32_vcvtps2ph512_mask(x, 0, (short __attribute__((vector_size(32)))){0}, -1); }
#else
INLINE vWf vW_from_f16(vWs x)
{
    vWu b = __builtin_convertvector(x, vWu), m = b & 0x7fff;
    vWu wide = (m << 13) + (112 << 23) + ((vWu)(m >= 0x7c00) & (112 << 23)); /* the exponent of infinity is the largest, too */
    vWf tiny = __builtin_convertvector(m, vWf) * 0x1p-24f;
    return (vWf)((vWu)vW_blend((vWi)(m < 0x400), tiny, (vWf)wide) | (b & 0x8000) << 16);
}
INLINE vWs vW_to_f16(vWf x)
{
    vWu b = (vWu)x, m = b & 0x7fffffff;
    vWu near = (m - (112 << 23) + 0xfff + (m >> 13 & 1)) >> 13;
    vWu tiny = (vWu)((vWf)m + 0.5f) - (126 << 23); /* the sum rounds to multiples of the least number */
    vWu r = (vWu)vW_blend((vWi)(m < 0x38800000), (vWf)tiny, (vWf)near);
    r = (vWu)vW_blend((vWi)(m >= 0x47800000), (vWf)((vWu){LIST(0x7c00)} | ((vWu)(m > 0x7f800000) & 0x200)), (vWf)r);
    return __builtin_convertvector(r | b >> 16 & 0x8000, vWs);
}
#endif

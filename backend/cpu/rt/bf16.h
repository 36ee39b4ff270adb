/* bf16 is the upper half of a float. To the nearest, ties to even; what is no number stays none. */
INLINE vWf vW_from_bf16(vWs x) { return (vWf)(__builtin_convertvector(x, vWu) << 16); }
INLINE vWs vW_to_bf16(vWf x)
{
    vWu b = (vWu)x;
    vWf near = (vWf)(b + 0x7fff + (b >> 16 & 1));
    return __builtin_convertvector((vWu)vW_blend(x != x, (vWf)(b | 0x400000), near) >> 16, vWs);
}

/* Natural logarithm within 2 ulp: x = 2^n m with m in [sqrt 1/2, sqrt 2), a polynomial in m - 1. Denormals are scaled up first. */
INLINE vWf vW_log(vWf x)
{
    vWi tiny = x < 1.17549435e-38f;
    vWi bits = (vWi)vW_blend(tiny, x * 8388608.0f, x);
    vWf f = (vWf)(((bits - 0x3f3504f3) & 0x007fffff) + 0x3f3504f3) - 1.0f;
    vWf e = __builtin_convertvector((bits - 0x3f3504f3) >> 23, vWf) - vW_blend(tiny, vW_splat(23.0f), vW_splat(0.0f));
    vWf z = f * f;
    vWf p = vW_fma(vW_splat(7.0376836292e-2f), f, vW_splat(-1.1514610310e-1f));
    p = vW_fma(p, f, vW_splat(1.1676998740e-1f));
    p = vW_fma(p, f, vW_splat(-1.2420140846e-1f));
    p = vW_fma(p, f, vW_splat(1.4249322787e-1f));
    p = vW_fma(p, f, vW_splat(-1.6668057665e-1f));
    p = vW_fma(p, f, vW_splat(2.0000714765e-1f));
    p = vW_fma(p, f, vW_splat(-2.4999993993e-1f));
    p = vW_fma(p, f, vW_splat(3.3333331174e-1f));
    p = vW_fma(e, vW_splat(-2.12194440e-4f), p * f * z);
    p = vW_fma(z, vW_splat(-0.5f), p);
    vWf r = vW_fma(e, vW_splat(0.693359375f), f + p);
    r = vW_blend(x > 3.40282347e38f, x, r);                                /* infinity */
    r = vW_blend(x == 0.0f, vW_splat(-__builtin_inff()), r);
    return vW_blend((x < 0.0f) | (x != x), vW_splat(__builtin_nanf("")), r);
}

static __attribute__((noinline, unused)) void vW_log_all(vWf *x, int n)
{
    for (int k = 0; k < n; k++)
        x[k] = vW_log(x[k]);
}

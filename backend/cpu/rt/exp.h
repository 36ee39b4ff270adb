/* e^x within 2 ulp: x = n log 2 + r, a polynomial for e^r, and 2^n in two factors, so that denormal results round once. */
INLINE vWf vW_exp(vWf x)
{
    const vWf magic = vW_splat(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer, held in the low bits */
    vWf y = vW_blend(x > 89.0f, vW_splat(89.0f), vW_blend(x < -104.0f, vW_splat(-104.0f), x));
    vWf t = vW_fma(y, vW_splat(1.44269504f), magic);
    vWi n = (vWi)t - 0x4b400000;
    t -= magic;
    vWf r = vW_fma(t, vW_splat(-0.693359375f), y);
    r = vW_fma(t, vW_splat(2.12194440e-4f), r);
    vWf p = vW_fma(vW_splat(1.381451730e-3f), r, vW_splat(8.368755691e-3f));
    p = vW_fma(p, r, vW_splat(4.166839272e-2f));
    p = vW_fma(p, r, vW_splat(1.666651964e-1f));
    p = vW_fma(p, r, vW_splat(4.999999404e-1f));
    p = vW_fma(p, r * r, r) + 1.0f;
    vWi a = n >> 1, b = n - a;
    return p * (vWf)((a + 127) << 23) * (vWf)((b + 127) << 23);
}

static __attribute__((noinline, unused)) void vW_exp_all(vWf *x, int n)
{
    for (int k = 0; k < n; k++)
        x[k] = vW_exp(x[k]);
}

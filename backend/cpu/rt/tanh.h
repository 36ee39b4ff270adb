/*
 * tanh within 2 ulp: an odd polynomial near 0, 1 - 2 / (e^2|x| + 1) beyond, both computed and blended. The exponential is a short one:
 * its argument is in [1.25, 18.4], and its error shrinks with 2 / (e^2|x| + 1).
 */
INLINE vWf vW_tanh(vWf x)
{
    const vWf magic = vW_splat(12582912.0f);
    vWf a = vW_abs(x), z = x * x;
    vWf p = vW_fma(vW_splat(-5.70498872745e-3f), z, vW_splat(2.06390887954e-2f));
    p = vW_fma(p, z, vW_splat(-5.37397155531e-2f));
    p = vW_fma(p, z, vW_splat(1.33314422036e-1f));
    p = vW_fma(p, z, vW_splat(-3.33332819422e-1f));
    p = vW_fma(p * z, a, a);
    vWf y = vW_blend(a > 9.2f, vW_splat(9.2f), a);
    vWf t = vW_fma(y, vW_splat(2.88539008f), magic); /* n = 2 y / log 2, rounded */
    vWi n = (vWi)t << 23;                            /* n in the place of an exponent: the bits of 1.5 * 2^23 leave at the top */
    t -= magic;
    vWf r = vW_fma(t, vW_splat(-0.693147182f), y + y);
    vWf e = vW_fma(vW_splat(1.381451730e-3f), r, vW_splat(8.368755691e-3f));
    e = vW_fma(e, r, vW_splat(4.166839272e-2f));
    e = vW_fma(e, r, vW_splat(1.666651964e-1f));
    e = vW_fma(e, r, vW_splat(4.999999404e-1f));
    e = vW_fma(e, r * r, r) + 1.0f;
    e = (vWf)((vWi)e + n) + 1.0f;
    vWf q = 1.0f - 2.0f / e;
    /* NaN is not beyond, and stays; the sign is that of x, of zeros too */
    return (vWf)((vWi)vW_blend(a >= 0.625f, q, p) | ((vWi)x & (vWi)vW_splat(-0.0f)));
}

static __attribute__((noinline, unused)) void vW_tanh_all(vWf *x, int n)
{
    for (int k = 0; k < n; k++)
        x[k] = vW_tanh(x[k]);
}

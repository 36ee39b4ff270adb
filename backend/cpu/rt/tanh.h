/*
 * tanh within 2.5 ulp: E / (E + 2), where E = e^2|x| - 1 = 2^n (e^r - 1) + (2^n - 1), with r in [-0.35, 0.35]. Nothing cancels: for small x, n is 0. From
 * 9.2 on the quotient rounds to 1.
 */
INLINE vWf vW_tanh(vWf x)
{
    const vWf magic = vW_splat(12582912.0f);
    vWf a = vW_limit(vW_splat(9.2f), vW_abs(x));
    vWf y = a + a;
    vWf t = vW_fma(y, vW_splat(1.44269504f), magic); /* n = y / log 2, rounded */
    vWi n = (vWi)t << 23;                            /* n in the place of an exponent: the bits of 1.5 * 2^23 leave at the top */
    t -= magic;
    vWf r = vW_fma(t, vW_splat(-0.693147182f), y);
    vWf p = vW_fma(vW_splat(1.381451730e-3f), r, vW_splat(8.368755691e-3f));
    p = vW_fma(p, r, vW_splat(4.166839272e-2f));
    p = vW_fma(p, r, vW_splat(1.666651964e-1f));
    p = vW_fma(p, r, vW_splat(4.999999404e-1f));
    p = vW_fma(p, r * r, r);
    vWf scale = (vWf)(n + (vWi)vW_splat(1.0f));
    vWf e = vW_fma(p, scale, scale - 1.0f);
    /* NaN stays; the sign is that of x, of zeros too */
    return (vWf)((vWi)(e / (e + 2.0f)) | ((vWi)x & (vWi)vW_splat(-0.0f)));
}

static __attribute__((noinline, unused)) void vW_tanh_all(vWf *x, int n)
{
    for (int k = 0; k < n; k++)
        x[k] = vW_tanh(x[k]);
}

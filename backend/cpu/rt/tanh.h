/* tanh within 4 ulp: an odd polynomial near 0, 1 - 2 / (e^2|x| + 1) beyond, both computed and blended. */
INLINE vWf vW_tanh(vWf x)
{
    vWf a = vW_abs(x), z = x * x;
    vWf p = vW_fma(vW_splat(-5.70498872745e-3f), z, vW_splat(2.06390887954e-2f));
    p = vW_fma(p, z, vW_splat(-5.37397155531e-2f));
    p = vW_fma(p, z, vW_splat(1.33314422036e-1f));
    p = vW_fma(p, z, vW_splat(-3.33332819422e-1f));
    p = vW_fma(p * z, x, x);
    vWf q = 1.0f - 2.0f / (vW_exp(a + a) + 1.0f);
    return (vWf)((vWi)vW_blend(a < 0.625f, p, q) | ((vWi)x & (vWi)vW_splat(-0.0f))); /* the sign of x, of zeros too */
}

static __attribute__((noinline, unused)) void vW_tanh_all(vWf *x, int n)
{
    for (int k = 0; k < n; k++)
        x[k] = vW_tanh(x[k]);
}

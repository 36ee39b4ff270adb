INLINE float s_FUNCTION(float x) { return v4_FUNCTION(v4_splat(x))[0]; }

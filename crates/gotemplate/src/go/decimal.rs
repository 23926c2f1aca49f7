//! Sums, differences, products and quotients of floats, taken as the decimals that they are written as, in the way of the
//! decimal library behind Sprig's `addf` and its kin.
use num_bigint::BigInt;
use num_bigint::Sign;

/// Decimal places that a quotient is rounded to.
const DIVISION: i32 = 16;

/// `value * 10^exponent`.
#[derive(Clone, Debug)]
pub struct Decimal {
    value: BigInt,
    exponent: i32,
}

impl Decimal {
    /// The decimal that a float is written as in its shortest form; None if it is not finite.
    pub fn of(float: f64) -> Option<Self> {
        if !float.is_finite() {
            return None;
        }
        let text = format!("{float:e}");
        let (mantissa, exponent) = text.split_once('e')?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let places = i32::try_from(fraction.len()).ok()?;
        Some(Self {
            value: format!("{whole}{fraction}").parse().ok()?,
            exponent: exponent.parse::<i32>().ok()? - places,
        })
    }

    /// About how many bytes it takes.
    pub fn weight(&self) -> usize {
        usize::try_from(self.value.bits() / 8).unwrap_or(usize::MAX)
    }

    fn scaled(&self, exponent: i32) -> BigInt {
        let up = u32::try_from(self.exponent - exponent).unwrap_or(0);
        &self.value * BigInt::from(10).pow(up)
    }

    /// The sum.
    pub fn add(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        Self {
            value: self.scaled(exponent) + other.scaled(exponent),
            exponent,
        }
    }

    /// The difference.
    pub fn sub(&self, other: &Self) -> Self {
        self.add(&Self {
            value: -&other.value,
            exponent: other.exponent,
        })
    }

    /// The product.
    pub fn mul(&self, other: &Self) -> Self {
        Self {
            value: &self.value * &other.value,
            exponent: self.exponent.saturating_add(other.exponent),
        }
    }

    /// The quotient to 16 places, halves away from zero; None: by zero.
    pub fn div(&self, other: &Self) -> Option<Self> {
        if other.value.sign() == Sign::NoSign {
            return None;
        }
        let shift = self.exponent - other.exponent + DIVISION;
        let ten = BigInt::from(10).pow(shift.unsigned_abs());
        let (a, b) = if shift < 0 {
            (self.value.clone(), &other.value * ten)
        } else {
            (&self.value * ten, other.value.clone())
        };
        let (mut quotient, rest) = (&a / &b, &a % &b);
        if rest.magnitude() * 2_u32 >= *b.magnitude() {
            if self.value.sign() == other.value.sign() {
                quotient += 1;
            } else {
                quotient -= 1;
            }
        }
        Some(Self {
            value: quotient,
            exponent: -DIVISION,
        })
    }

    /// The nearest float.
    pub fn to_float(&self) -> f64 {
        format!("{}e{}", self.value, self.exponent).parse().unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        let d = |f| Decimal::of(f).unwrap();
        assert_eq!(d(0.1).add(&d(0.2)).to_float(), 0.3);
        assert_eq!(d(1.1).mul(&d(1.1)).to_float(), 1.21);
        assert_eq!(d(10.0).div(&d(3.0)).unwrap().to_float(), 3.333_333_333_333_333_3);
        assert_eq!(d(-2.0).div(&d(3.0)).unwrap().to_float(), -0.666_666_666_666_666_7);
        assert_eq!(d(1.0).sub(&d(0.9)).to_float(), 0.1);
        assert!(d(1.0).div(&d(0.0)).is_none() && Decimal::of(f64::NAN).is_none());
    }
}

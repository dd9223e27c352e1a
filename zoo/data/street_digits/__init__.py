"""`street_digits`: drawn house numbers, made on the spot.

Where SVHN (Netzer et al. 2011) cannot be fetched, its difficulty can still be
met: one digit in the middle of the image, cut out of a longer number, in many
fonts, seen at an angle, in any colours, on grounds of very different
brightness and with contrast from strong to faint, light on dark and dark on
light, half in the shade, out of focus and noisy. The images are drawn, not
photographed; what a network reaches on them says nothing about its accuracy on
SVHN.
"""

from zoo.data.street_digits.reading import read

__all__ = ["read"]

import sys

from apps.pictures.gallery import draw

draw(sys.argv[1:])

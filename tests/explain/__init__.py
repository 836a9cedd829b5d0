"""Are the smallest changes that ``explain`` names the smallest there are?"""
